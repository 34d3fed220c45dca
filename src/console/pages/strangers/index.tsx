import { Page } from '../../components/page.tsx';

export default () => <Page title="Strangers">{null}</Page>;
