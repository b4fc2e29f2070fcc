#include "policies/route/decide.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chancery::route {
namespace {

// 2026-11-02T12:00:00Z, well inside the agreement.
constexpr std::int64_t kNow = 1'793'620'800;

Policy make_policy() {
  Policy policy;
  for (const std::string id : {"acute", "council", "police"}) {
    policy.agencies[id].id = id;
  }
  agreement::Agreement agreement;
  agreement.reference = "DSA-1";
  agreement.parties = {"acute", "council", "police"};
  agreement.effective_from = "2026-03-29";  // the clocks go forward that night at 01:00 UTC
  agreement.effective_to = "2027-10-31";    // and back that night at 01:00 UTC
  policy.agreements["DSA-1"] = agreement;
  for (const State state :
       {State::draft, State::shadow, State::pilot, State::live, State::suspended, State::retired}) {
    Route route;
    route.id = to_string(state);
    route.agreement = "DSA-1";
    route.from = {"acute"};
    route.to = {"council"};
    route.accept = {"*.csv", "report-20[0-9][0-9].pdf"};
    route.max_size = 1000;
    route.state = state;
    policy.routes[route.id] = route;
  }
  Route renaming = policy.routes["live"];
  renaming.id = "renaming";
  renaming.finish = Finish::rename;
  policy.routes["renaming"] = renaming;
  return policy;
}

struct Case {
  Refusal refusal;
  Upload upload;
};

Upload upload(std::string_view route, std::string_view name, std::uint64_t size = 0) {
  return {.agency = "acute", .route = route, .name = name, .size = size, .now_seconds = kNow};
}

Upload at(std::int64_t now) {
  Upload one = upload("live", "a.csv");
  one.now_seconds = now;
  return one;
}

TEST(Decide, FollowsTheTable) {
  const Policy policy = make_policy();
  Upload other = upload("live", "a.csv");
  other.agency = "police";
  Upload receiver = upload("live", "a.csv");
  receiver.agency = "council";
  Upload temporary = upload("renaming", "a.exe");
  temporary.temporary = true;
  Upload renamed = upload("renaming", "a.csv");
  renamed.renamed = true;
  Upload renamed_badly = upload("renaming", "a.exe");
  renamed_badly.renamed = true;
  Upload hidden = temporary;
  hidden.name = "..";
  const std::vector<Case> cases{
      {Refusal::none, upload("live", "a.csv")},
      {Refusal::none, upload("live", "report-2026.pdf", 1000)},
      {Refusal::too_large, upload("live", "a.csv", 1001)},
      {Refusal::name_not_accepted, upload("live", "a.csv.exe")},
      {Refusal::name_not_accepted, upload("live", "a.CSV")},
      {Refusal::name_invalid, upload("live", "../a.csv")},
      {Refusal::name_invalid, upload("live", "")},
      {Refusal::unknown_route, upload("none", "a.csv")},
      {Refusal::unknown_route, upload("", "a.csv")},
      {Refusal::unknown_route, other},
      {Refusal::unknown_route, receiver},
      {Refusal::not_live, upload("draft", "a.csv")},
      {Refusal::not_live, upload("shadow", "a.csv")},
      {Refusal::not_live, upload("pilot", "a.csv")},
      {Refusal::not_live, upload("suspended", "a.csv")},
      {Refusal::not_live, upload("retired", "a.csv")},
      {Refusal::finish_by_rename, upload("renaming", "a.csv")},
      {Refusal::none, temporary},
      {Refusal::name_invalid, hidden},
      {Refusal::none, renamed},
      {Refusal::name_not_accepted, renamed_badly},
  };
  for (const Case& one : cases) {
    const Decision decision = decide(policy, one.upload);
    EXPECT_EQ(to_code(decision.refusal), to_code(one.refusal)) << one.upload.route << " " << one.upload.name;
    EXPECT_EQ(decision.allowed(), one.refusal == Refusal::none);
    EXPECT_TRUE(decision.reason.ends_with('.')) << decision.reason;
  }
}

TEST(Decide, DeniesWhenTheAgreementIsGone) {
  Policy policy = make_policy();
  policy.agreements.clear();
  EXPECT_EQ(decide(policy, upload("live", "a.csv")).refusal, Refusal::outside_agreement);
  EXPECT_EQ(decide(Policy{}, upload("live", "a.csv")).refusal, Refusal::unknown_route);
}

TEST(Decide, DoesNotTellRoutesOfOthersFromRoutesThatAreNot) {
  Policy policy = make_policy();
  const Upload foreign{.agency = "police", .route = "draft", .name = "a.csv", .now_seconds = kNow};
  const std::string reason = decide(policy, foreign).reason;
  policy.routes.erase("draft");
  EXPECT_EQ(decide(policy, foreign).reason, reason);
}

TEST(Decide, EveryStateHasItsOwnSentence) {
  const Policy policy = make_policy();
  std::vector<std::string> reasons;
  for (const std::string_view route : {"draft", "shadow", "pilot", "live", "suspended", "retired"}) {
    reasons.push_back(decide(policy, upload(route, "a.csv")).reason);
  }
  std::ranges::sort(reasons);
  EXPECT_EQ(std::unique(reasons.begin(), reasons.end()), reasons.end());
}

TEST(Decide, RepeatsNothingThatIsNoIdOrNoName) {
  const Policy policy = make_policy();
  EXPECT_EQ(decide(policy, upload("\x1b[2J", "a.csv")).reason.find('\x1b'), std::string::npos);
  EXPECT_EQ(decide(policy, upload("live", "\x1b[2J.csv")).reason.find('\x1b'), std::string::npos);
}

TEST(Decide, CountsDaysWhereTheHubIs) {
  const Policy policy = make_policy();
  constexpr std::int64_t kSpring = 1'774'742'400;  // 2026-03-29T00:00:00Z, midnight in London
  constexpr std::int64_t kAutumn = 1'825'023'600;  // 2027-10-31T23:00:00Z
  EXPECT_EQ(decide(policy, at(kSpring - 1)).refusal, Refusal::outside_agreement);
  EXPECT_EQ(decide(policy, at(kSpring)).refusal, Refusal::none);
  EXPECT_EQ(decide(policy, at(kAutumn)).refusal, Refusal::none)
      << "still the last day: London is at GMT again";
  EXPECT_EQ(decide(policy, at(kAutumn + 3599)).refusal, Refusal::none);
  EXPECT_EQ(decide(policy, at(kAutumn + 3600)).refusal, Refusal::outside_agreement);

  Policy summer = policy;
  summer.agreements["DSA-1"].effective_to = "2026-07-01";  // ends at 23:00 UTC
  constexpr std::int64_t kSummer = 1'782'946'800;          // 2026-07-01T23:00:00Z
  EXPECT_EQ(decide(summer, at(kSummer - 1)).refusal, Refusal::none);
  EXPECT_EQ(decide(summer, at(kSummer)).refusal, Refusal::outside_agreement);
}

TEST(Routes, AreListedForTheirAgencies) {
  const Policy policy = make_policy();
  EXPECT_EQ(routes_from(policy, "acute").size(), 7U);
  EXPECT_EQ(routes_from(policy, "acute").front()->id, "draft");
  EXPECT_TRUE(routes_from(policy, "council").empty());
  EXPECT_EQ(routes_to(policy, "council").size(), 7U);
  EXPECT_TRUE(routes_to(policy, "police").empty());
}

}  // namespace
}  // namespace chancery::route
