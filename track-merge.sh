cd /tmp/wp/track
git diff --name-only --diff-filter=U | grep -v -E 'grants.txt|types.generated|biome.folders.json|package-lock' && { echo "REAL CONFLICTS"; exit 1; }
for f in test/audit/grants.txt src/database/types.generated.ts; do git checkout --theirs $f 2>/dev/null; done
bash /tmp/wp/types.sh /tmp/wp/track | tail -1
/tmp/wp/run npm test -- test/audit/grants.test.ts -u 2>&1 | tail -4
git add -A; git commit -qm "Merge main"; git status --short | head
