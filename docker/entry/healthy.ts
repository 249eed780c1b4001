/** The container's health check: the node answers and holds what its neighbours hold. */
const answer = await fetch('http://127.0.0.1:8080/readyz', { signal: AbortSignal.timeout(3_000) }).catch(
  (error: unknown) => error,
)
if (!(answer instanceof Response)) {
  console.error(`no answer: ${String(answer)}`)
  process.exit(1)
}
console.log(`${answer.status} ${(await answer.text()).trim()}`)
process.exit(answer.ok ? 0 : 1)
