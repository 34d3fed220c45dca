import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { stored } from './stored.ts';

interface Shortcut {
  readonly key: string;
  /** What it does, as a phrase: "the next alert". */
  readonly does: string;
  readonly run: () => void;
  /** Whether it acts again while the key is held down. */
  readonly repeats: boolean;
}

const active = signal<readonly Shortcut[]>([]);
const isHelpOpen = signal(false);

/** Whether single keys act. Some people dictate, and every word of theirs would. */
export const shortcutsAreOn = stored('shortcuts', true);

/** Opens the list of keys. */
export const showShortcuts = (): void => {
  isHelpOpen.value = true;
};

/**
 * Lets a key act while the component is shown. Keys are letters without a modifier; they act neither in fields nor behind a
 * dialog, nor while they are switched off.
 */
export const useShortcut = (
  key: string,
  does: string,
  run: (() => void) | undefined,
  { repeats = false }: { repeats?: boolean } = {},
): void => {
  const latest = useRef(run);
  latest.current = run;
  const isOn = run !== undefined;
  useEffect(() => {
    if (!isOn) return;
    const shortcut: Shortcut = { key, does, repeats, run: () => latest.current?.() };
    active.value = [...active.peek(), shortcut];
    return () => {
      active.value = active.peek().filter((other) => other !== shortcut);
    };
  }, [key, does, isOn, repeats]);
};

const isField = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('input, textarea, select, [contenteditable]') !== null;

/** Listens to keys, and shows what they do on `?`; once, in the layout. */
export const ShortcutHost = () => {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!shortcutsAreOn.value || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isField(event.target) || document.querySelector('dialog[open]')) return;
      if (event.key === '?') {
        showShortcuts();
        return;
      }
      const shortcut = active.value.findLast(({ key }) => key === event.key.toLowerCase());
      if (!shortcut || (event.repeat && !shortcut.repeats)) return;
      event.preventDefault();
      shortcut.run();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  if (!isHelpOpen.value) return null;
  return (
    <Dialog
      title="Keys"
      onClose={() => {
        isHelpOpen.value = false;
      }}
    >
      <label class="check">
        <input
          type="checkbox"
          checked={shortcutsAreOn.value}
          onChange={(event) => {
            shortcutsAreOn.value = event.currentTarget.checked;
          }}
        />
        Single keys act
      </label>
      <dl class="keys" data-off={shortcutsAreOn.value ? undefined : ''}>
        {[...active.value, { key: '?', does: 'these keys' }].map(({ key, does }) => (
          <div key={key}>
            <dt>
              <kbd>{key === ' ' ? 'Space' : key.toUpperCase()}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
};
