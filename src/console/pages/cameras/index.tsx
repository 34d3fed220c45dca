import { Page } from '../../components/page.tsx';

export default () => <Page title="Cameras">{null}</Page>;
