import { Page } from '../../components/page.tsx';

export default () => <Page title="Record">{null}</Page>;
