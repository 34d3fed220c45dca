/**
 * Bridges: events published at brokers of others, and photos read from them. Other folders import this file only.
 */
export { bridgeKinds } from './bridge.ts';
export { BridgeProcess } from './bridge-process.ts';
export { addBridge, type NewBridge, readBridge, readBridges, setBridge, testBridge } from './bridges.ts';
