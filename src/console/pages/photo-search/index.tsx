import { Page } from '../../components/page.tsx';

export default () => <Page title="Search">{null}</Page>;
