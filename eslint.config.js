import tseslint from 'typescript-eslint';

/** What STYLE bans, each with what to write instead; test/tidy.test.ts holds the rules about files and layers. */
const ambient = [
  { name: 'process', message: 'Only src/main.ts and src/environment-real.ts see the process.' },
  { name: 'console', message: 'Use environment.log.' },
  { name: 'setTimeout', message: 'Use environment.clock.sleep().' },
  { name: 'setInterval', message: 'Use environment.clock.sleep().' },
  { name: 'performance', message: 'Use environment.clock.monotonic().' },
];
const ambientProperties = [
  { object: 'Date', property: 'now', message: 'Use environment.clock.wall().' },
  { object: 'Math', property: 'random', message: 'Use environment.random.' },
];
const ambientImports = [
  'node:process',
  'node:timers',
  'node:timers/promises',
  'node:perf_hooks',
  'node:console',
].map((name) => ({
  name,
  message: 'Time, the process and the console are reached through Environment only.',
}));

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: one name for one thing everywhere.',
};
const noReExport = {
  selector: 'ExportAllDeclaration',
  message: 'No barrels: import from the file that has it.',
};

export default tseslint.config(
  { ignores: ['**/dist/', '**/node_modules/', 'native/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            {
              from: 'package',
              package: 'node:test',
              name: ['test', 'suite', 'describe', 'it', 'before', 'after', 'beforeEach', 'afterEach'],
            },
          ],
        },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Ports are asynchronous; an implementation in memory has nothing to await.
      '@typescript-eslint/require-await': 'off',
      // Numbers and booleans in texts are wanted; objects are not.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // A failure that was kept as `unknown` is thrown again as it came.
      '@typescript-eslint/only-throw-error': [
        'error',
        { allowThrowingUnknown: true, allowThrowingAny: false },
      ],
      'prefer-const': 'error',
      'no-warning-comments': ['error', { terms: ['fixme', 'xxx', 'hack'] }],
      'no-restricted-syntax': ['error', noDefaultExport, noReExport],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts', 'src/environment-real.ts'],
    rules: {
      'no-restricted-globals': ['error', ...ambient],
      'no-restricted-properties': ['error', ...ambientProperties],
      'no-restricted-imports': ['error', { paths: ambientImports }],
    },
  },
  {
    files: ['test/**/*.ts', 'packages/*/test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // A suite is one function with a table in it.
      'max-lines-per-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      // Answers are parsed and compared as they come.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['scripts/**/*.mjs', 'eslint.config.js'],
    extends: [tseslint.configs.base],
    rules: { 'no-undef': 'off', 'no-unused-vars': 'error', 'prefer-const': 'error', eqeqeq: 'error' },
  },
);
