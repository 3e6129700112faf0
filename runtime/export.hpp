// SPDX-License-Identifier: Apache-2.0
#pragma once
// Marks the definition of a function the shared library exports. Everything else is hidden.
#define RP_EXPORT extern "C" __attribute__((visibility("default")))
