"use strict";
Site.start();
