/** Gives `call` a controller of its own that is aborted with `outer`; afterwards nothing of it is left at `outer`. */
export async function withAbort<Answer>(
  outer: AbortSignal,
  call: (own: AbortController) => Promise<Answer>,
): Promise<Answer> {
  const own = new AbortController();
  const forward = (): void => own.abort(outer.reason);
  if (outer.aborted) forward();
  else outer.addEventListener('abort', forward, { once: true });
  try {
    return await call(own);
  } finally {
    outer.removeEventListener('abort', forward);
  }
}
