import { contentOperations, nameOperations } from './file-operations.ts';
import { objectOperations } from './object-operations.ts';
import { pick, type Maker, type Operation } from './operation.ts';

const byNames = [...objectOperations, ...nameOperations];

/** Any call of either door, on names and handles of which there are few. */
export const anyOperation = (maker: Maker): Operation => {
  const isByHandle = maker.files.length > 0 && maker.random.below(3) === 0;
  return pick(maker, isByHandle ? contentOperations : byNames)(maker);
};
