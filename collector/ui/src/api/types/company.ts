// Company: GET, PATCH /company?customer= (the operator's own, or a customer's; a customer's account: its customer's)

export interface Company {
  name: string;
  address: string;
  email: string;
  phone: string;
  website: string;
  tax_id: string;
}
