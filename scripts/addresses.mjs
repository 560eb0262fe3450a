// Where the project lives: `repository`, `homepage` and `bugs` of package.json are the only place that says so. The site, npm's
// page and the provenance statement take them from there.

const isPage = (address) =>
  typeof address === 'string' && URL.canParse(address) && new URL(address).protocol === 'https:'

/**
 * What is missing or wrong in them, one sentence each.
 *
 * @param {{ repository?: unknown, homepage?: unknown, bugs?: unknown }} manifest what package.json has
 */
export function addressProblems({ repository, homepage, bugs }) {
  const problems = []
  // npm compares this form with the repository that a build on a public CI names, and refuses the provenance of another one.
  if (repository?.type !== 'git' || !/^git\+https:\/\/[^/]+\/.+\.git$/.test(repository.url)) {
    problems.push('repository is { "type": "git", "url": "git+https://HOST/PATH.git" }')
  }
  if (!isPage(homepage)) problems.push('homepage is the https address of the documentation site')
  if (!isPage(bugs?.url)) problems.push('bugs is { "url": "https://..." }, where a user reports an error')
  return problems
}
