/** The room of membership: who belongs, who may connect, who is let in. */
export { type AdmissionInit, admission, MAX_STRANGERS } from './admission.ts'
export { type Asked, askAdmission } from './ask-admission.ts'
export { JOIN_PROTOCOL, JoinService, type JoinServiceInit } from './join-service.ts'
export { Roster, type RosterOptions } from './roster.ts'
