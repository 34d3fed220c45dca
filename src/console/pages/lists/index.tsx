import { Page } from '../../components/page.tsx';

export default () => <Page title="Lists">{null}</Page>;
