import { Page } from '../../components/page.tsx';

export default () => <Page title="Pipeline">{null}</Page>;
