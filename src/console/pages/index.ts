import {
  Activity,
  Bell,
  Camera,
  type IconNode,
  ListChecks,
  MonitorPlay,
  ScrollText,
  Search,
  Settings,
  UserRoundSearch,
  UsersRound,
} from 'lucide';
import { lazy } from 'preact-iso';

/** An entry of the navigation. */
export interface Entry {
  readonly href: string;
  readonly title: string;
  readonly icon: IconNode;
  /** Whether it is in the bar at the foot of a narrow screen; others are behind "More". */
  readonly isMain?: boolean;
}

/** The navigation, in groups. */
export const groups: readonly { readonly title: string; readonly entries: readonly Entry[] }[] = [
  {
    title: 'Watch',
    entries: [
      { href: '/console/', title: 'Live', icon: MonitorPlay, isMain: true },
      { href: '/console/alerts', title: 'Alerts', icon: Bell, isMain: true },
      { href: '/console/search', title: 'Search', icon: Search, isMain: true },
    ],
  },
  {
    title: 'Register',
    entries: [
      { href: '/console/people', title: 'People', icon: UsersRound, isMain: true },
      { href: '/console/strangers', title: 'Strangers', icon: UserRoundSearch },
      { href: '/console/lists', title: 'Lists', icon: ListChecks },
      { href: '/console/cameras', title: 'Cameras', icon: Camera },
    ],
  },
  {
    title: 'System',
    entries: [
      { href: '/console/pipeline', title: 'Pipeline', icon: Activity },
      { href: '/console/record', title: 'Record', icon: ScrollText },
      { href: '/console/settings', title: 'Settings', icon: Settings },
    ],
  },
];

/** The pages by their address. Each is a file of its own that is loaded when it is shown first. */
export const pages = [
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
] as const;
