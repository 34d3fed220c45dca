import type { Outgoing } from '../outgoing/index.ts';

/** What every source of frames has in common. */

/** A picture of a camera. */
export interface Frame {
  /** A JPEG, or a photo of another format that is read, as it came. */
  readonly bytes: Buffer;
  readonly capturedAt: Date;
  /** The same for the same frame, however often the source is opened: no frame is submitted twice. */
  readonly id: string;
  /** Where the source goes on after this frame: see SourceSettings.position. */
  readonly position?: string;
  /** The camera that took it, where a source has frames of several. */
  readonly camera?: string;
  /** The event of Frigate that it is of, and where the name of who is in it is sent back to. */
  readonly frigate?: { readonly event: string; readonly api: string };
}

/** The part of a frame that is taken, in shares of its width and height. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What is taken of a source. */
export interface SourceSettings {
  /** Frames a second at most. */
  readonly rate: number;
  readonly region: Region | null;
  /** Wider frames are reduced to so many pixels; null: none is. */
  readonly frameWidth: number | null;
  /** user:password of the URL, percent-encoded. */
  readonly userinfo: string | null;
  /** `position` of the last frame that was taken of this source; null: from the beginning. */
  readonly position: string | null;
  /** The name of its camera; undefined: the source says of which camera each frame is. */
  readonly camera: string | undefined;
}

/** What sources use. */
export interface SourceTools {
  readonly outgoing: Outgoing;
  /** Ends the source. */
  readonly signal: AbortSignal;
}

/** Where frames come from. */
export interface Source {
  /** Whether frames come at their own pace, so that those that nobody can take in time are dropped. */
  readonly isLive: boolean;
  /** Frames that wait at most before the oldest is dropped; 2 unless given. */
  readonly mostHeld?: number;
  /**
   * Opens the source. It ends by itself where there are no more frames, as at the end of a video.
   *
   * @throws {SourceError} if it cannot be opened, or breaks.
   */
  frames(settings: SourceSettings, tools: SourceTools): AsyncGenerator<Frame, void, undefined>;
}

/** Why a source gives no frames, in a sentence without a user or password. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

/** What is said of a server that answers 401. */
export const notAdmitted = 'The server refuses the user and password, or asks for them.';

/** What is said where a connection breaks in the middle of a stream. */
export const connectionBroke = 'The connection to the server broke.';

/** A text without what could be a user or a password: of any URL in it, and these. */
export const withoutSecrets = (text: string, userinfo: string | null): string => {
  const known = userinfo
    ? [userinfo, ...userinfo.split(':').slice(1)].flatMap((one) => [one, decoded(one)])
    : [];
  return known
    .filter((secret) => secret.length > 2)
    .reduce((hidden, secret) => hidden.replaceAll(secret, '…'), text.replace(/\/\/[^/\s]*@/g, '//'));
};

/** user:password as they are, without the percent-encoding of a URL. */
export const decoded = (userinfo: string): string => {
  try {
    return decodeURIComponent(userinfo);
  } catch {
    return userinfo;
  }
};

/** User and password of a URL, as they are. */
export const credentialsOf = (userinfo: string): { user: string; password: string } => {
  const [user = '', ...password] = userinfo.split(':');
  return { user: decoded(user), password: decoded(password.join(':')) };
};

/** Names frames of a live source, which are known by when they came. */
export class LiveNames {
  #count = 0;

  next(capturedAt: Date): string {
    this.#count = (this.#count + 1) % 1_000_000;
    return `${capturedAt.toISOString()} ${this.#count}`;
  }
}

/** Says which frames of a live source are taken. */
export class Pace {
  readonly #interval: number;
  #next = Number.NEGATIVE_INFINITY;

  /** @param rate frames a second at most. */
  constructor(rate: number) {
    this.#interval = 1000 / rate;
  }

  /** Whether the frame of now is taken. A source of just this rate, whose frames come unevenly, loses none. */
  isDue(now = performance.now()): boolean {
    if (now < this.#next - this.#interval / 4) return false;
    this.#next = Math.max(this.#next + this.#interval, now + this.#interval / 2);
    return true;
  }
}
