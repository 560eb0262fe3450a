/**
 * @file
 * What the reports of programs that test sections print alike.
 */
#ifndef RSEQ_INTERLEAVE_PRINTING_H
#define RSEQ_INTERLEAVE_PRINTING_H

#include <cstdint>
#include <iostream>
#include <map>
#include <numeric>
#include <string>
#include <sys/utsname.h>
#include <vector>

namespace percpu::interleave {

/** The release of the running kernel. */
inline std::string kernel() {
  utsname name;
  return uname(&name) == 0 ? name.release : "unknown";
}

/** Sum of one number of all items. */
template <typename Item, typename Number> uint64_t total(const std::vector<Item>& all, Number number) {
  return std::accumulate(all.begin(), all.end(), uint64_t{0},
                         [&](uint64_t sum, const Item& item) { return sum + number(item); });
}

/** Prints a member of a JSON object: a list of texts, in which nothing needs an escape. */
inline void print_json(const char* key, const std::vector<std::string>& texts) {
  std::cout << '"' << key << "\":[";
  for (size_t i = 0; i < texts.size(); i++)
    std::cout << (i ? "," : "") << '"' << texts[i] << '"';
  std::cout << ']';
}

/** Prints a member of a JSON object: numbers by names. */
inline void print_json(const char* key, const std::map<std::string, uint64_t>& numbers) {
  std::cout << '"' << key << "\":{";
  bool first = true;
  for (const auto& [name, number] : numbers) {
    std::cout << (first ? "" : ",") << '"' << name << "\":" << number;
    first = false;
  }
  std::cout << '}';
}

} // namespace percpu::interleave

#endif // RSEQ_INTERLEAVE_PRINTING_H
