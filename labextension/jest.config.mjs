// JupyterLab's packages are ES modules: swc makes them and our TypeScript readable for jest.
export default {
  testEnvironment: 'jsdom',
  testTimeout: 20_000,
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.{ts,tsx}'],
  setupFiles: ['<rootDir>/test/setup.ts'],
  transform: {
    '\\.(ts|tsx|js|mjs)$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', transform: { react: { runtime: 'classic' } } },
        module: { type: 'commonjs' }
      }
    ]
  },
  transformIgnorePatterns: [
    'node_modules/(?!(@jupyter|@jupyterlab|@jupyter-notebook|@rjsf|@microsoft|exenv-es6|lib0|y-protocols|y-websocket|yjs|lodash-es|nanoid)/)'
  ],
  moduleNameMapper: {
    '\\.css$': '<rootDir>/test/empty.ts',
    '\\.svg$': '<rootDir>/test/svg.ts'
  }
};
