import { Page } from '../../components/page.tsx';

export default () => <Page title="People">{null}</Page>;
