import type { Reporter, TestModule } from 'vitest/node';
import type {} from './setup.ts';

const shown = 10;

/** Prints which test files took the most CPU, with the seconds that each took by the clock. */
export default class Slowest implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => ({
      file: module.relativeModuleId,
      seconds: module.diagnostic().duration / 1000,
      cpu: module.meta().cpuSeconds ?? 0,
    }));
    if (files.length <= shown) return;
    files.sort((a, b) => b.cpu - a.cpu || b.seconds - a.seconds);
    const all = files.reduce((sum, { cpu }) => sum + cpu, 0);
    console.log(`\n Most CPU, of ${all.toFixed(0)} s in ${files.length} files (by the clock):`);
    for (const { file, seconds, cpu } of files.slice(0, shown))
      console.log(`${cpu.toFixed(1).padStart(7)} s (${seconds.toFixed(1)} s)  ${file}`);
  }
}
