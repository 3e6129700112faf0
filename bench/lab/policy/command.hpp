// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

// `ringpool policy ...` and --policy-lib. Each prints, and returns the exit code of the tool.

namespace rp::lab {

/// Names, other names and one line of what they are.
int list_policies();

/// The page of a shipped policy, by name or alias.
int show_policy(const std::string& name);

/// Writes a folder `directory` (default: the name) from which a policy can be built at once.
int new_policy(const std::string& name, const std::string& directory);

/// Loads the objects so that manifests and RINGPOOL_POLICY can name what is in them.
int load_policies(const std::vector<std::string>& objects);

} // namespace rp::lab
