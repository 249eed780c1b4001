import { render } from 'preact'
import 'uplot/dist/uPlot.min.css'
import './style/tokens.css'
import './style/shell.css'
import './style/parts.css'
import './style/views.css'
import { App } from './app.tsx'

const root = document.getElementById('page') as HTMLElement
root.textContent = ''
render(<App />, root)
