import type { Scenario } from '../scenario.ts'

export const scenario: Scenario = {
  story: 'A day of half-hour blocks, with 16 witnesses, in which nothing goes wrong: every block is final on every node.',
}
