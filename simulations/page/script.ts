/** Filters the event log. Without it the log is there in full. */
export const SCRIPT = `
const form = document.querySelector('.filter')
if (form) {
  form.hidden = false
  const rows = [...document.querySelectorAll('#log tbody tr')]
  const [kind, word] = [form.querySelector('select'), form.querySelector('input')]
  const count = form.querySelector('output')
  const show = () => {
    const text = word.value.toLowerCase()
    let shown = 0
    for (const row of rows) {
      row.hidden = (kind.value !== '' && row.className !== kind.value) || !row.textContent.toLowerCase().includes(text)
      if (!row.hidden) shown++
    }
    count.textContent = shown + ' of ' + rows.length + ' lines'
  }
  form.addEventListener('input', show)
  form.addEventListener('submit', (event) => event.preventDefault())
  show()
}
`
