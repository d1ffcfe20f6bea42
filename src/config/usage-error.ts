/**
 * A mistake of whoever started the program: an unknown flag, a setting out of range, an occupied port. The message is
 * one sentence that says what to do; the command line prints it without a stack.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
