import { test } from 'node:test';
import { apart } from '../../apart.ts';

const checks = new URL('./native-crash.js', import.meta.url);

test('clients, moves and sweeps at once never disturb each other, whatever the store does', () =>
  apart(checks, 'checkLife'));

test('after a crash at any point of an upload or a deletion all content reads back, and nothing leaks', () =>
  apart(checks, 'checkCrash'));
