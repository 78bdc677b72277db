import * as index from './types/index.cjs';

declare const client: index.Client & {
  readonly default: index.Client;
  readonly client: index.Client;
  readonly Client: typeof index.Client;
  readonly MsrError: typeof index.MsrError;
  readonly init: typeof index.init;
};
export = client;
