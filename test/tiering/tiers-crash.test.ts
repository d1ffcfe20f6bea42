import { test } from 'node:test';
import { apart } from '../apart.ts';

const checks = new URL('./tiers-crash.js', import.meta.url);

test('clients and migrations at once never disturb each other', () => apart(checks, 'checkLife'));

test('after a crash at any point of a migration every blob that was committed reads back, and nothing leaks', () =>
  apart(checks, 'checkCrash'));

test('crash after crash: migrations are gone on with, and recovery itself may be cut short', () =>
  apart(checks, 'checkCrashes'));
