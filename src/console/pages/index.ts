import type { ComponentType } from 'preact';
import { lazy } from 'preact-iso';

/** A page gets the parts of its address that have a name. */
interface Route {
  readonly path: string;
  readonly component: ComponentType<{ id?: string; rest?: string }>;
}

/** The pages by their address. Each is a file of its own that is loaded when it is shown first. */
export const pages: readonly Route[] = [
  { path: '/console/', component: lazy(() => import('./live/index.tsx')) },
  { path: '/console/alerts/:id?', component: lazy(() => import('./alerts/index.tsx')) },
  { path: '/console/people/:rest*', component: lazy(() => import('./people/index.tsx')) },
  { path: '/console/strangers/:rest*', component: lazy(() => import('./strangers/index.tsx')) },
  { path: '/console/search', component: lazy(() => import('./photo-search/index.tsx')) },
  { path: '/console/lists/:rest*', component: lazy(() => import('./lists/index.tsx')) },
  { path: '/console/cameras/:rest*', component: lazy(() => import('./cameras/index.tsx')) },
  { path: '/console/pipeline/:rest*', component: lazy(() => import('./pipeline/index.tsx')) },
  { path: '/console/record/:rest*', component: lazy(() => import('./record/index.tsx')) },
  { path: '/console/settings/:rest*', component: lazy(() => import('./settings/index.tsx')) },
];
