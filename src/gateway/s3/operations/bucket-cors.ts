import { checkCors, corsConfiguration } from '../cors.ts';
import { documentOperations } from '../document-operations.ts';

/** AWS API reference, PutBucketCors, GetBucketCors, DeleteBucketCors. The right to put is the right to delete. */
export const corsOperations = documentOperations({
  configuration: 'cors',
  subresource: 'cors',
  root: 'CORSConfiguration',
  schema: corsConfiguration,
  integrity: 'required',
  put: { name: 'PutBucketCors', action: 's3:PutBucketCORS' },
  get: { name: 'GetBucketCors', action: 's3:GetBucketCORS' },
  remove: { name: 'DeleteBucketCors', action: 's3:PutBucketCORS' },
  check(document) {
    checkCors(document);
    return Promise.resolve(document);
  },
  absent: 'NoSuchCORSConfiguration',
});
