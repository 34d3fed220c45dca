#!/usr/bin/env node
import './check-node.mjs';

const { keepMemory } = await import('./keep-memory.ts');
keepMemory();
await import('./main.ts');
