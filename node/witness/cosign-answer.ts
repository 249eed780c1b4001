import { type Bytes, fromUtf8, toUtf8, WattnessError, type WitnessResponse } from '../../protocol/index.ts'

/** Rule P10: the request is the body of add-checkpoint as it is; the answer has its status and type in a line before the body. */
export const COSIGN_PROTOCOL = '/wattness/cosign/1'

/** Some signature lines, or a sentence. */
export const MAX_COSIGN_ANSWER_BYTES = 16_384

const FIRST_LINE = /^(200|400|403|404|409|422|503) ([!-~]+(?: [!-~]+)*)\n/

/** `200 text/plain; charset=utf-8`, a newline, and the body. */
export function encodeCosignAnswer({ status, contentType, body }: WitnessResponse): Bytes {
  return toUtf8(`${status} ${contentType}\n${body}`)
}

/** Throws MALFORMED_ANSWER. */
export function decodeCosignAnswer(bytes: Bytes): WitnessResponse {
  const text = bytes.length > MAX_COSIGN_ANSWER_BYTES ? undefined : textOf(bytes)
  const found = FIRST_LINE.exec(text ?? '')
  if (text === undefined || found === null) {
    throw new WattnessError('MALFORMED_ANSWER', `no answer to a request for a cosignature, in ${bytes.length} bytes`)
  }
  const [first, status, contentType] = found as unknown as [string, string, string]
  return { status: Number(status) as WitnessResponse['status'], contentType, body: text.slice(first.length) }
}

function textOf(bytes: Bytes): string | undefined {
  try {
    return fromUtf8(bytes)
  } catch {
    return undefined
  }
}
