// What can be changed from here. Until the API has routes for it, the table of
// customers and blocks is edited by `sipward-collector blocks`, and no alert is raised.
export const editsTable: boolean = false;
export const editsRules: boolean = false;
