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
