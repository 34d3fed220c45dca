/** The evidence of an alert: packing it, and checking it without trusting whoever hands it over. */
export { type Against, checkEvidence, type EvidenceFinding } from './check.ts';
export { type Asking, type Evidence, makeEvidence } from './make.ts';
