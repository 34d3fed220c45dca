import { signal } from '@preact/signals';
import { X } from 'lucide';
import { useEffect } from 'preact/hooks';
import { problemOf } from '../api/problem.ts';
import { Icon } from './icon.tsx';

interface Message {
  readonly id: number;
  readonly text: string;
  readonly kind: 'done' | 'failed';
  readonly undo?: (() => void) | undefined;
}

const shown = signal<Message | undefined>(undefined);
let count = 0;

/**
 * Says what was done, at the foot of the page, for eight seconds; one message at a time.
 *
 * @param undo takes it back: then there is a button for it, and the message stays for twenty seconds.
 */
export const say = (text: string, undo?: () => void): void => {
  shown.value = { id: ++count, text, kind: 'done', undo };
};

/** Says what went wrong. It stays until it is closed or something else is said. */
export const sayProblem = (thrown: unknown): void => {
  const problem = problemOf(thrown);
  const text = [problem.message, problem.hint].filter(Boolean).join(' ');
  shown.value = { id: ++count, text, kind: 'failed' };
};

/** Takes back what was said last, if that is possible; whether it was. */
const undoLatest = (): boolean => {
  const message = shown.value;
  if (!message?.undo) return false;
  shown.value = undefined;
  message.undo();
  return true;
};

/** Where messages appear; once, in the layout. The regions are there before their text, so that it is announced. */
export const ToastHost = () => {
  const message = shown.value;
  useEffect(() => {
    if (!message || message.kind === 'failed') return;
    const timer = setTimeout(
      () => {
        if (shown.value === message) shown.value = undefined;
      },
      message.undo ? 20_000 : 8_000,
    );
    return () => clearTimeout(timer);
  }, [message]);
  return (
    <div class="toast" data-kind={message?.kind} data-shown={message ? '' : undefined}>
      <p role="status">{message?.kind === 'done' ? message.text : ''}</p>
      <p role="alert">{message?.kind === 'failed' ? message.text : ''}</p>
      {message?.undo && (
        <button type="button" class="button" onClick={undoLatest}>
          Undo
        </button>
      )}
      {message && (
        <button
          type="button"
          class="icon-button"
          aria-label="Close this message"
          onClick={() => {
            shown.value = undefined;
          }}
        >
          <Icon of={X} />
        </button>
      )}
    </div>
  );
};
