import { defineConfig, globalIgnores } from 'eslint/config'
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import { importX } from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

/**
 * The layers of src/, lowest first. A folder may import itself and the folders of lower layers; folders that share a
 * layer may not import each other. docs/architecture.md says what each is for.
 */
const LAYERS = [
  ['core'],
  ['native', 'portable', 'inspect'],
  ['runtime'],
  ['counter', 'stack', 'heap', 'ring', 'array', 'lock', 'thread'],
  ['histogram', 'map'],
  ['shared'],
  ['metrics', 'index.ts', 'web', 'trace', 'keyv'],
  ['series'],
  ['prom-client'],
  ['cli'],
]

/** What is not published: src/ must not import it. */
const NOT_PUBLISHED = ['./tools', './scripts', './test', './bench']

/** The layers inside src/trace: what reads the files of a service, the Common Trace Format, and what writes for other tools. */
const LAYERS_OF_TRACES = [['read'], ['ctf'], ['export', 'recorder']]

/** For every folder of some layers, the folders that it must not import: those of its own layer and of all layers above. */
const zonesOf = (layers, root) =>
  layers
    .flatMap((layer, level) =>
      layer.map((folder) => ({
        target: `${root}/${folder}`,
        from: layers
          .slice(level)
          .flat()
          .filter((other) => other !== folder)
          .map((other) => `${root}/${other}`),
        message: `${root.slice(2)}/${folder} may only import the layers below it: see LAYERS in eslint.config.js`,
      })),
    )
    .filter(({ from }) => from.length > 0)

const zones = [...zonesOf(LAYERS, './src'), ...zonesOf(LAYERS_OF_TRACES, './src/trace')]

zones.push({
  target: './src',
  from: NOT_PUBLISHED,
  message: 'src/ is what a user installs: it may not import what is not published',
})

/** Globals of Node that Jest's environment of browsers lacks or replaces, and the modules that have them. */
const NOT_IN_JSDOM = {
  TextDecoder: 'node:util',
  TextEncoder: 'node:util',
  performance: 'node:perf_hooks',
  ...Object.fromEntries(
    ['clearImmediate', 'clearInterval', 'clearTimeout', 'setImmediate', 'setInterval', 'setTimeout'].map(
      (name) => [name, 'node:timers'],
    ),
  ),
}

export default defineConfig([
  globalIgnores([
    'lib/',
    'build/',
    'prebuilds/',
    'node_modules/',
    '**/generated/',
    'tools/lint/rseq-lint.mjs',
    // Compiled by what test/package tries, in a project of its own.
    'test/package/runners/types.test.ts',
  ]),
  {
    files: ['**/*.ts', '**/*.mts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['vitest.config.ts', 'scripts/*.d.mts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.json' })],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    rules: {
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
      'import-x/no-cycle': 'error',
      'no-restricted-globals': [
        'error',
        ...Object.entries(NOT_IN_JSDOM).map(([name, module]) => ({
          name,
          message: `import it from ${module}: tests in jsdom have another one or none`,
        })),
      ],
    },
  },
  { files: ['**/*.js', '**/*.mjs'], extends: [tseslint.configs.recommended] },
])
