/**
 * Bridges: events published at brokers of others, and photos read from them. Other folders import this file only.
 */
export { addBridge, changeBridge, findBridge, type NewBridge, readBridges, testBridge } from './bridges.ts';
export { BridgeProcess } from './run.ts';
