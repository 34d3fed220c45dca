/**
 * Bridges: events published at brokers of others, and photos read from them. Other folders import this file only.
 */

export { BridgeProcess } from './bridge-process.ts';
export { addBridge, changeBridge, findBridge, type NewBridge, readBridges, testBridge } from './bridges.ts';
