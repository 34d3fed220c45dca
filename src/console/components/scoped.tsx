import type { ComponentChildren } from 'preact';
import { may, type Scope } from '../api/session.ts';

/** Shows its children only to those whose key has the scope. The server decides by itself what a key may do. */
export const Scoped = ({
  scope,
  otherwise = null,
  children,
}: {
  scope: Scope;
  otherwise?: ComponentChildren;
  children: ComponentChildren;
}) => <>{may(scope) ? children : otherwise}</>;
