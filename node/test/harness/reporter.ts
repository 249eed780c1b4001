import type { MochaOptions, Runner, Suite, Test } from 'mocha'
import { reporters } from 'mocha'
import { formatClosingLine } from './closing-line.ts'

/** A test that leaves a socket or timer open is a fault of its own; this long is enough for an orderly end. */
const OPEN_HANDLES_GRACE_MS = 10_000

/**
 * One line for each outermost suite, every failure with its difference, and `N passed, N failed` as the last line. A pending
 * test is a failure (.mocharc.json forbids them), and so is a process that does not end by itself.
 */
export default class ClosingLineReporter extends reporters.Base {
  #passed = 0
  #failed = 0
  #ofSuite = { passed: 0, failed: 0 }

  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options)
    runner.on('pass', () => {
      this.#passed++
      this.#ofSuite.passed++
    })
    runner.on('fail', (test: Test) => {
      this.#failed++
      this.#ofSuite.failed++
      console.log(`  ✗ ${test.titlePath().join(' › ')}`)
    })
    runner.on('suite end', (suite: Suite) => {
      if (suite.parent?.root === true) this.#endSuite(suite)
    })
    runner.on('end', () => this.#end())
  }

  #endSuite(suite: Suite): void {
    const { passed, failed } = this.#ofSuite
    this.#ofSuite = { passed: 0, failed: 0 }
    console.log(`${failed === 0 ? '✓' : '✗'} ${suite.title} (${failed === 0 ? passed : `${passed} passed, ${failed} failed`})`)
  }

  #end(): void {
    // Mocha's own epilogue prints each failure with its difference and stack.
    if (this.failures.length > 0) this.epilogue()
    setTimeout(() => {
      this.#failed++
      console.log(`the tests ended but the process did not; still open: ${process.getActiveResourcesInfo().join(', ')}`)
      process.exit(1)
    }, OPEN_HANDLES_GRACE_MS).unref()
    process.once('exit', () => console.log(`\n${formatClosingLine({ passed: this.#passed, failed: this.#failed })}`))
  }
}
