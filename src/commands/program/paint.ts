import { styleText } from 'node:util';
import type { Io, Output } from './io.ts';

/** A colour or weight of util.styleText. */
export type Style = Parameters<typeof styleText>[0];

/** Colours a text. */
export type Paint = (style: Style, text: string) => string;

/**
 * How texts are coloured on stdout: not at all unless it is a terminal that knows colours, and NO_COLOR
 * (https://no-color.org) is not set.
 */
export const paintFor = ({ environment, stdout }: Pick<Io, 'environment'> & { stdout: Output }): Paint =>
  stdout.isTTY && !environment.NO_COLOR && environment.TERM !== 'dumb'
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_, text) => text;
