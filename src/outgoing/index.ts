/** What leaves this system: the only way in which other servers are called. */
export { call, causeOf, type Outgoing, publicOnly, type Reached, reach } from './call.ts';
export { type Network, parseNetwork } from './networks.ts';
export { hostOf, isInternal, parseOtherTarget, parseTarget } from './target.ts';
