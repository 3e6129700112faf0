// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file name in a directory of its own, removed at the end.
#include <doctest/doctest.h>

#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace rp::test {

class temp_directory {
public:
    temp_directory() {
        const char* base = std::getenv("TMPDIR");
        path_ = std::string(base != nullptr ? base : "/tmp") + "/ringpool-nt-XXXXXX";
        REQUIRE(mkdtemp(path_.data()) != nullptr);
    }

    ~temp_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    temp_directory(const temp_directory&) = delete;
    temp_directory& operator=(const temp_directory&) = delete;

    [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

inline void write_file(const std::string& name, const std::string& content) {
    FILE* file = std::fopen(name.c_str(), "wb");
    REQUIRE(file != nullptr);
    REQUIRE(std::fwrite(content.data(), 1, content.size(), file) == content.size());
    REQUIRE(std::fclose(file) == 0);
}

inline std::string read_file(const std::string& name) {
    FILE* file = std::fopen(name.c_str(), "rb");
    REQUIRE(file != nullptr);
    std::string content;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
        content.push_back(static_cast<char>(c));
    }
    std::fclose(file);
    return content;
}

inline bool file_exists(const std::string& name) {
    return access(name.c_str(), F_OK) == 0;
}

} // namespace rp::test
