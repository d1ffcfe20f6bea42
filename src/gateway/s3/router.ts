import { S3Error } from './errors.ts';
import type { Level, Operation, Route } from './operation.ts';
import type { S3Request } from './request.ts';
import type { UnbuiltOperation } from './unbuilt.ts';

/** What a router chooses among: rows that work, and rows that AWS knows and this gateway does not speak yet. */
type Row = { readonly built: Operation } | { readonly unbuilt: UnbuiltOperation };

interface Candidates {
  /** Taken when no marker says otherwise; absent: the method does not apply at this level. */
  readonly plain: Row | undefined;
  /** Most specific first. */
  readonly marked: readonly { readonly route: Route; readonly row: Row }[];
}

/** Parameters that tell rows of one sub-resource apart and mean nothing without it: anybody may send an `id`, and SDKs send `x-id`. */
const selectors: ReadonlySet<string> = new Set(['id', 'x-id']);

export type Router = (request: S3Request) => Operation;

/** Decides by method, level and markers. Plain reads and writes of objects are decided by two look-ups. */
export function router(operations: readonly Operation[], unbuilt: readonly UnbuiltOperation[]): Router {
  const table = new Map<string, Candidates>();
  const rows: readonly (readonly [Route, Row])[] = [
    ...operations.map((built) => [built.route, { built }] as const),
    ...unbuilt.map((row) => [row.route, { unbuilt: row }] as const),
  ];
  for (const [route, row] of rows) {
    const slot = `${route.method} ${route.level}`;
    const { plain, marked } = table.get(slot) ?? { plain: undefined, marked: [] };
    table.set(
      slot,
      specificity(route) === 0
        ? { plain: row, marked }
        : { plain, marked: [...marked, { route, row }].sort(bySpecificity) },
    );
  }
  const names = rows.flatMap(([route]) => Object.keys(route.query ?? {}));
  const subresources = new Set(names.filter((name) => !selectors.has(name)));
  return (request) => choose(table.get(`${request.method} ${levelOf(request)}`), request, subresources);
}

function levelOf(request: S3Request): Level {
  if (request.bucket === undefined) return 'service';
  return request.key === undefined ? 'bucket' : 'object';
}

const specificity = (route: Route): number =>
  Object.keys(route.query ?? {}).length * 2 + Number(route.header !== undefined);

const bySpecificity = (one: { route: Route }, other: { route: Route }): number =>
  specificity(other.route) - specificity(one.route);

function choose(
  candidates: Candidates | undefined,
  request: S3Request,
  subresources: ReadonlySet<string>,
): Operation {
  if (candidates === undefined) throw methodNotAllowed(request);
  for (const { route, row } of candidates.marked) if (matches(route, request)) return built(row);
  if (candidates.plain === undefined) throw methodNotAllowed(request);
  const chosen = built(candidates.plain);
  if (request.rawQuery !== '') refuseStray(chosen, request, subresources);
  return chosen;
}

function matches(route: Route, request: S3Request): boolean {
  if (route.header !== undefined && request.headers[route.header] === undefined) return false;
  for (const name in route.query) {
    const given = request.query[name];
    const wanted = route.query[name];
    if (given === undefined || (wanted !== true && wanted !== given)) return false;
  }
  return true;
}

/** `PUT /bucket/key?uploadId=…` must not overwrite the key: the parameter means an operation, if not this one. */
function refuseStray(chosen: Operation, request: S3Request, subresources: ReadonlySet<string>): void {
  const bindings = Object.values(chosen.bindings);
  for (const name in request.query) {
    if (!subresources.has(name)) continue;
    if (!bindings.some((binding) => binding.in === 'query' && binding.name === name))
      throw methodNotAllowed(request);
  }
}

const methodNotAllowed = (request: S3Request): S3Error =>
  new S3Error('MethodNotAllowed', {
    members: { Method: request.method, ResourceType: levelOf(request).toUpperCase() },
  });

function built(row: Row): Operation {
  if ('built' in row) return row.built;
  throw new S3Error('NotImplemented', {
    message: `A request for ${row.unbuilt.name} implies functionality that is not implemented.`,
  });
}
