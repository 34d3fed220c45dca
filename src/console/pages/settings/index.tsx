import { Page } from '../../components/page.tsx';

export default () => <Page title="Settings">{null}</Page>;
