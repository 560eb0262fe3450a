#include "../../rseq/cpus.h"
#include "harness.h"

#include <cstring>

using namespace percpu;

static uint32_t parsed(const char* text) {
  return parse_possible(text, strlen(text));
}

TEST(possible_cpus_is_the_highest_id_plus_one) {
  CHECK_EQUAL(parsed("0\n"), 1u);
  CHECK_EQUAL(parsed("0-1\n"), 2u);
  CHECK_EQUAL(parsed("0-3,8-11\n"), 12u);
  CHECK_EQUAL(parsed("8-11,0-3\n"), 12u);
  CHECK_EQUAL(parsed("0,2,4"), 5u);
  CHECK_EQUAL(parsed("0-1048574"), 1048575u);
}

TEST(a_text_that_is_no_list_of_cpus_is_refused) {
  CHECK_EQUAL(parsed(""), 0u);
  CHECK_EQUAL(parsed("\n"), 0u);
  CHECK_EQUAL(parsed(",-,"), 0u);
  CHECK_EQUAL(parsed("0 1"), 0u);
  CHECK_EQUAL(parsed("0-x"), 0u);
  CHECK_EQUAL(parsed("1048576"), 0u);
  CHECK_EQUAL(parsed("99999999999999999999"), 0u);
  const char not_terminated[] = {'0', '-', '7', '1'};
  CHECK_EQUAL(parse_possible(not_terminated, 3), 8u);
}

TEST(this_machine_has_cpus) {
  CHECK(possible_cpus() >= 1);
}
