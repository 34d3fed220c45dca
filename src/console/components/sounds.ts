import { stored } from './stored.ts';

/** Whether alerts have a sound in this browser. */
export const soundIsOn = stored('sound', false);

/** Notes of each sound that a list can have, in Hz, with when each begins and how long it lasts, in seconds. */
const notes: Record<string, readonly (readonly [number, number, number])[]> = {
  chime: [
    [880, 0, 0.35],
    [1174.7, 0.16, 0.5],
  ],
  bell: [
    [659.3, 0, 0.9],
    [1318.5, 0, 0.6],
  ],
  alarm: [
    [987.8, 0, 0.18],
    [740, 0.2, 0.18],
    [987.8, 0.4, 0.18],
    [740, 0.6, 0.18],
  ],
};

let context: AudioContext | undefined;

/**
 * Plays a sound of a list, made here of a few tones. A browser stays silent until somebody has clicked in the page, as by
 * switching the sound on.
 *
 * @param name one of the sounds of a list; `none` is silent.
 */
export const play = (name: string): void => {
  const tones = notes[name];
  if (!tones) return;
  context ??= new AudioContext();
  void context.resume();
  const start = context.currentTime + 0.02;
  for (const [frequency, after, seconds] of tones) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.25, start + after);
    volume.gain.exponentialRampToValueAtTime(0.001, start + after + seconds);
    tone.connect(volume).connect(context.destination);
    tone.start(start + after);
    tone.stop(start + after + seconds);
  }
};
