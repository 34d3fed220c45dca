import type { Slot } from './fleet.ts';
import type { Trap } from './proxy.ts';

/** Part of the statement that submits a photo, and of the name under which a connection prepares it: its first 46 characters. */
export const submission = `set_config('watchpost.request_id', $6`;

/**
 * Resolves to the first of some processes that comes to a moment; it is still at it, and held.
 *
 * @param patience milliseconds after which it resolves to undefined.
 */
export const trapFirst = (
  slots: readonly Slot[],
  trap: Omit<Trap, 'spring'>,
  patience: number,
): Promise<Slot | undefined> =>
  new Promise((resolve) => {
    let settled = false;
    const set = slots.map((slot) => {
      const one: Trap = {
        ...trap,
        spring() {
          // An answer that is waited for may come when the trap is given up, or sprung elsewhere, already.
          if (settled || slot.state !== 'up') return false;
          settle(slot);
          return true;
        },
      };
      slot.proxy.set(one);
      return { slot, one };
    });
    const settle = (slot: Slot | undefined) => {
      settled = true;
      clearTimeout(timer);
      for (const { slot, one } of set) slot.proxy.unset(one);
      if (slot) slot.state = 'held';
      resolve(slot);
    };
    const timer = setTimeout(() => settle(undefined), patience);
  });
