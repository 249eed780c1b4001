import { createContext } from 'preact'
import { useContext } from 'preact/hooks'

export interface TokenHolder {
  readonly setToken: (token: string) => void
}

export const TokenContext = createContext<TokenHolder>({ setToken: () => undefined })

export const useToken = (): TokenHolder => useContext(TokenContext)
