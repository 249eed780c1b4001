/** What scenarios are put together of. A deed that draws does so from `world.faultRandom`, so that a seed gives it again. */
export { drift, setClocksWrong, stepClocks, stepOneFar } from './deeds/clocks.ts'
export { cutPowerOnFullDisk, failWrite, fillDisks, giveRoom } from './deeds/disks.ts'
export { crashAgainAndAgain, crashAtWrite, crashOne } from './deeds/power.ts'
export { churn, keepSomeOff, restartInTurn, startLatecomers } from './deeds/starts.ts'
export { turnLiars } from './deeds/twins.ts'
export { breakSomeWays, fallApart, heal, isolate, slowSome, splitInHalves } from './deeds/ways.ts'
