#!/usr/bin/env node
'use strict';
require('./threads.cjs');
void import('../dist/src/main.js');
